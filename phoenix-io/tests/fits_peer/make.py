"""Makes small FITS files of every form with astropy in the folder given."""

import sys
import warnings

import numpy as np
from astropy.io import fits

warnings.simplefilter("ignore")
folder = sys.argv[1]
random = np.random.default_rng(7)


def save(name, hdus):
    fits.HDUList(hdus).writeto(f"{folder}/{name}", overwrite=True, checksum=True)


images = [fits.PrimaryHDU()]
for kind in ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]:
    kind = np.dtype(kind)
    if kind.kind == "f":
        data = random.normal(size=(3, 5, 7)).astype(kind)
        data[0, 0, 0] = np.nan
    else:
        info = np.iinfo(kind)
        data = random.integers(info.min, info.max, size=(3, 5, 7), dtype=kind, endpoint=True)
        data[0, 0, :2] = info.min, info.max
    images.append(fits.ImageHDU(data, name=kind.str[1:]))
save("images.fits", images)

header = fits.Header([("BSCALE", 0.25), ("BZERO", 10.0), ("BLANK", -5)])
scaled = []
for kind in ["i2", "i4"]:
    hdu = fits.ImageHDU(random.integers(-9, 9, size=(6, 8)).astype(kind), name="S" + kind, do_not_scale_image_data=True)
    hdu.header.update(header)
    scaled.append(hdu)
blank = fits.ImageHDU(random.integers(-9, 9, size=(6, 8)).astype("i2"), name="BLANK", do_not_scale_image_data=True)
blank.header["BLANK"] = 3
with open(f"{folder}/scaled.fits", "wb") as out:
    for hdu in [fits.PrimaryHDU(), *scaled, blank]:
        hdu.header.pop("CHECKSUM", None)
        out.write(hdu.header.tostring().encode())
        if hdu.data is not None:
            raw = hdu.data.astype(hdu.data.dtype.newbyteorder(">")).tobytes()
            out.write(raw + bytes(-len(raw) % 2880))

n = 100
ints = {"B": "u1", "I": "i2", "J": "i4", "K": "i8"}
columns = [fits.Column("logical", "L", array=random.integers(0, 2, n).astype(bool)),
           fits.Column("bits", "11X", array=random.integers(0, 2, (n, 11)).astype(bool)),
           fits.Column("text", "12A", array=[f"row {i}" for i in range(n)]),
           fits.Column("texts", "24A", dim="(8,3)", array=np.array([[f"a{i}", "", f"b c{i}"] for i in range(n)])),
           fits.Column("f", "E", unit="adu", array=random.normal(size=n)),
           fits.Column("d", "D", unit="s", array=random.normal(size=n)),
           fits.Column("vector", "6E", dim="(3,2)", array=random.normal(size=(n, 2, 3))),
           fits.Column("c", "C", array=random.normal(size=n) + 1j * random.normal(size=n)),
           fits.Column("m", "2M", array=random.normal(size=(n, 2)) + 1j * random.normal(size=(n, 2)))]
for code, kind in ints.items():
    info = np.iinfo(kind)
    columns.append(fits.Column("int" + code, code, array=random.integers(info.min, info.max, n, dtype=kind)))
columns.append(fits.Column("u16", "I", bzero=2**15, array=random.integers(0, 2**16, n, dtype="u2")))
columns.append(fits.Column("u32", "J", bzero=2**31, array=random.integers(0, 2**32, n, dtype="u4")))
columns.append(fits.Column("u64", "K", bzero=2**63, array=random.integers(0, 2**64, n, dtype="u8")))
columns.append(fits.Column("null", "J", null=-99, array=np.where(np.arange(n) % 7 == 0, -99, np.arange(n))))
columns.append(fits.Column("empty", "0E", array=np.zeros((n, 0), "f4")))
table = fits.BinTableHDU.from_columns(columns, name="ALL")
scaled = fits.BinTableHDU.from_columns([fits.Column("scaled", "I", array=np.arange(n))], name="SCALED")
scaled.header.set("TSCAL1", 0.5, after="TFORM1")
scaled.header.set("TZERO1", 3.0, after="TSCAL1")


def ragged(kind):
    rows = np.empty(n, dtype=object)
    for i in range(n):
        rows[i] = np.arange(i % 5, dtype=kind) + i
    return rows


variable = fits.BinTableHDU.from_columns(
    [fits.Column("pj", "PJ()", array=ragged("i4")), fits.Column("qd", "QD()", array=ragged("f8")),
     fits.Column("pe", "PE()", array=ragged("f4")), fits.Column("after", "J", array=np.arange(n))], name="VARIABLE")
save("tables.fits", [fits.PrimaryHDU(), table, scaled, variable])

save("ascii.fits", [fits.PrimaryHDU(), fits.TableHDU.from_columns(
    [fits.Column("name", "A10", array=[f"star {i}" for i in range(5)]), fits.Column("n", "I6", array=np.arange(5) - 2),
     fits.Column("mag", "F8.3", array=np.arange(5) * 1.125), fits.Column("flux", "E15.7", array=np.arange(5) * 1e-16),
     fits.Column("mjd", "D23.15", array=np.arange(5) / 7 + 57000)], name="STARS")])

smooth = (1000 + 50 * np.sin(np.arange(60 * 40).reshape(40, 60) / 9)).astype("f4")
noise = (smooth + random.normal(size=smooth.shape)).astype("f4")
noise[3, 4] = np.nan
for kind in ["i2", "u2", "i4"]:
    for codec in ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"] + (["PLIO_1"] if kind == "i2" else []):
        data = smooth.astype(kind)
        save(f"fz_{kind}_{codec}.fits", [fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type=codec)])
save("fz_tiles.fits", [fits.PrimaryHDU(), fits.CompImageHDU(smooth.astype("i2"), compression_type="RICE_1", tile_shape=(7, 11))])
for dither in [-1, 1, 2]:
    save(f"fz_f4_dither{dither}.fits", [fits.PrimaryHDU(), fits.CompImageHDU(noise, compression_type="RICE_1",
         quantize_method=dither, dither_seed=42, quantize_level=16)])
save("fz_f4_lossless.fits", [fits.PrimaryHDU(), fits.CompImageHDU(noise, compression_type="GZIP_2", quantize_level=0)])

header = fits.Header()
header["HIERARCH ESO DPR CATG"] = ("SCIENCE", "Observation category")
header["HIERARCH ESO DET DIT"] = (900.0, "exposure")
header["LONGTEXT"] = "a long text with 'quotes' & more " * 6
header["COMPL"] = 1.5 - 2.5j
header["EMPTY"] = None
header["FLAG"] = True
header["BIG"] = 9007199254740993
header["TINY"] = 1.5e-300
header["COMMENT"] = "first"
header["COMMENT"] = "second"
save("header.fits", [fits.PrimaryHDU(header=header)])
