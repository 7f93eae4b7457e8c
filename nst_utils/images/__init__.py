"""Pictures in and out: any source becomes RGB, RGB becomes a tensor, a PNG carries its record.

- ``formats``: what a file is by its first bytes; its metadata taken out
- ``tiff``: the TIFF files that Pillow lacks
- ``decode``: picture files within bounds of memory: the one door to Pillow
- ``io``: a picture from a file, an address, bytes or an array, as RGB
- ``tensors``: RGB as float32 tensors (1, 3, H, W) in [0, 1], and back
- ``colors``: one picture's colors given to another
- ``png``: PNG files with the record of how they were made inside
- ``samples``: pictures to begin with, by name
- ``mask_forms``: how a mask is written: boxes, lightness, faces, parts, files
- ``masks``: masks over a picture
- ``inputs``: a picture as a run takes it: opened once, read at any size
- ``report_loaders``: the report's own two readers, defects included
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "colors decode formats inputs io mask_forms masks png report_loaders samples tensors tiff"
    ).split(),
    submod_attrs={
        "io": ["ImageError", "fit", "read_image"],
        "png": ["check_output", "read_provenance", "save_png"],
        "report_loaders": ["report_im_convert", "report_load_image"],
        "samples": "Sample download_paintings list_samples open_picture open_sample".split(),
        "tensors": ["denormalize", "load", "normalize", "to_pil", "to_tensor"],
    },
)
