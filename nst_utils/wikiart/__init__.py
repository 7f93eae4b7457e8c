"""The WikiArt dataset: names, index, catalog, download, miniature, a dataset for torch.

- ``names``: artists, titles and tags, repaired and split, never evaluated
- ``files``: sizes and damage of many picture files, in parallel
- ``index``: folders and csv files joined into one table
- ``index_cache``: that table kept beside the data, checked when it is read
- ``download``: the dataset from Kaggle or Hugging Face
- ``counting``: files drawn at random, counted beside the report, compared
- ``catalog``: filter, sample, pair, verify, count
- ``miniature``: a small WikiArt with the real one's layout and defects
- ``practice_set``: painted samples by made-up painters, whose folders mean what they say
- ``torch_dataset``: paintings and labels for PyTorch, the report's augmentations
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "catalog counting download files index index_cache miniature names practice_set "
        "torch_dataset"
    ).split(),
    submod_attrs={
        "catalog": ["WikiArt"],
        "index": ["WikiArtError"],
        "miniature": ["find_wikiart", "make_miniature"],
        "names": ["repair"],
        "practice_set": ["find_styles", "make_practice_set"],
        "torch_dataset": ["Paintings", "augment_each", "augmentation", "preparation"],
    },
)
