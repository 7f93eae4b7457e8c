"""The WikiArt dataset: names, index, catalog, download, miniature, a dataset for torch.

- ``names``: artists, titles and tags, repaired and parsed
- ``files``: sizes, damage and duplicates of many picture files
- ``index``: folders and csv files joined into one table
- ``index_cache``: that table cached in the dataset's folder
- ``download``: the dataset from Kaggle or Hugging Face
- ``catalog``: the dataset: filter, sample, pair, verify, compare with the report
- ``miniature``: two small stand-ins: one with the layout and the defects of WikiArt, and a practice
  set whose style labels are right
- ``torch_dataset``: paintings and labels for PyTorch, the report's augmentations
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=("catalog download files index index_cache miniature names torch_dataset").split(),
    submod_attrs={
        "catalog": ["WikiArt"],
        "index": ["WikiArtError"],
        "miniature": ["find_styles", "find_wikiart", "make_miniature", "make_practice_set"],
        "names": ["repair"],
        "torch_dataset": ["Paintings", "augment_each", "augmentation", "preparation"],
    },
)
