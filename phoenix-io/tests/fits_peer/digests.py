"""Prints one line for each image and column of FITS files as astropy reads them: place, form, MD5 of the values.

The Rust side prints the same lines from its own reader; the two lists must be equal.
"""

import hashlib
import sys

import numpy as np
from astropy.io import fits


def little(array):
    array = np.ascontiguousarray(array)
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def md5(data):
    return hashlib.md5(data).hexdigest()


NAMES = {"u1": "u8", "i1": "i8", "i2": "i16", "u2": "u16", "i4": "i32", "u4": "u32", "i8": "i64", "u8": "u64",
         "f4": "f32", "f8": "f64"}


def kind(array):
    return NAMES[array.dtype.str[1:]]


OFFSETS = {8: -128.0, 16: 32768.0, 32: 2147483648.0, 64: 9223372036854775808.0}


def image(raw, meant, header):
    scale, zero = float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))
    if scale == 1 and zero == 0:
        data = raw
    elif scale == 1 and OFFSETS.get(header["BITPIX"]) == zero:
        data = meant()
    else:
        data = raw.astype("f8") * scale + zero
        if "BLANK" in header:
            data[raw == header["BLANK"]] = np.nan
    shape = "x".join(str(n) for n in data.shape)
    return f"image {kind(data)} {shape} {md5(little(data))}"


def column(data, form, is_ascii):
    values = data
    if is_ascii and data.dtype.kind == "i":
        values = data.astype("i8")
    if str(form) in ("B", "1B") and data.dtype.kind == "f":
        # astropy knows no signed bytes: it scales them to doubles.
        values = data.astype("i1")
    variable = "P" in form or "Q" in form
    if variable:
        parts = []
        for row in values:
            if isinstance(row, str) or np.asarray(row).dtype.kind in "SU":
                parts.append("".join(row).rstrip().encode("latin1"))
            else:
                row = np.asarray(row)
                parts.append(len(row).to_bytes(4, "little") + little(row))
        return "variable", md5(b"\n".join(parts))
    if values.dtype.kind in "SU":
        texts = [text.rstrip() for text in np.asarray(values).ravel()]
        return "text", md5("\n".join(texts).encode("latin1"))
    if values.dtype.kind == "b":
        return "bool", md5(np.asarray(values).astype("u1").tobytes())
    if values.dtype.kind == "c":
        return "complex", md5(little(values))
    return kind(values), md5(little(values))


for path in sys.argv[1:]:
    with fits.open(path, memmap=False) as file, fits.open(path, memmap=False, do_not_scale_image_data=True) as stored:
        for index, hdu in enumerate(file):
            if isinstance(hdu, (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)):
                if hdu.header["NAXIS"] > 0:
                    header = stored[index].header.copy()
                    print(path, index, image(stored[index].data, lambda: hdu.data, header))
            elif isinstance(hdu, (fits.BinTableHDU, fits.TableHDU)):
                for place, described in enumerate(hdu.columns):
                    is_ascii = isinstance(hdu, fits.TableHDU)
                    name, digest = column(hdu.data.field(place), described.format, is_ascii)
                    print(path, index, "column", described.name, name, digest)
