"""The WikiArt dataset: names, index, catalog, download, miniature, a dataset for torch.

- ``names``: artists, titles and tags, repaired and split, never evaluated
- ``files``: sizes and damage of many picture files, in parallel
- ``index``: folders and csv files joined into one table
- ``index_cache``: that table kept beside the data, checked when it is read
- ``download``: the dataset from Kaggle or Hugging Face
- ``counting``: files drawn at random, counted beside the report, compared
- ``catalog``: filter, sample, pair, verify, count
- ``miniature``: a small WikiArt with the real one's layout and defects
- ``torch_dataset``: paintings and labels for PyTorch, the report's augmentations
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "catalog counting download files index index_cache miniature names torch_dataset"
    ).split(),
    submod_attrs={
        "catalog": ["WikiArt"],
        "index": ["WikiArtError"],
        "miniature": ["find_wikiart", "make_miniature"],
        "names": ["repair"],
        "torch_dataset": ["Paintings", "augmentation", "preparation"],
    },
)
