"""Pictures: read from any source as RGB, converted to tensors, saved with their records.

- ``formats``: the format of a file by its first bytes; removal of metadata
- ``deep``: PNG and TIFF files with 16 bits a channel
- ``tiff``: TIFF files that Pillow cannot read
- ``decode``: picture files to RGB, within limits of memory
- ``io``: a picture from a file, an address, bytes or an array, as RGB
- ``tensors``: RGB to float32 tensors (1, 3, H, W) in [0, 1], and back
- ``colors``: color transfer from one picture to another
- ``png``: PNG files that contain the record of how they were made
- ``outputs``: a painting as PNG, TIFF, JPEG or WebP, with its record
- ``clips``: a clip as frames with their times: films, GIF, WebP, folders
- ``clip_files``: clips written, with their record and sound
- ``samples``: sample pictures by name
- ``mask_forms``: the syntax of masks: boxes, lightness, faces, parts, files
- ``masks``: masks as tensors
- ``inputs``: the input picture of a run: opened once, read at any size
- ``report_loaders``: the report's own two readers, including their defects
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "clip_files clips colors decode deep formats inputs io mask_forms masks outputs png "
        "report_loaders samples tensors tiff"
    ).split(),
    submod_attrs={
        "io": ["ImageError", "fit", "read_image"],
        "outputs": ["save_painting"],
        "png": ["check_output", "read_provenance", "save_png"],
        "report_loaders": ["report_im_convert", "report_load_image"],
        "samples": "Sample download_paintings list_samples open_picture open_sample".split(),
        "tensors": ["denormalize", "load", "normalize", "to_pil", "to_tensor"],
    },
)
