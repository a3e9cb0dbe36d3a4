//! FITS files, processes and run state of PHOENIX
