"""Fails if astropy finds a wrong or missing checksum."""

import sys
import warnings

from astropy.io import fits

warnings.simplefilter("error")
for path in sys.argv[1:]:
    with fits.open(path, checksum=True, disable_image_compression=True) as file:
        for hdu in file:
            assert "CHECKSUM" in hdu.header and "DATASUM" in hdu.header
            hdu.data
