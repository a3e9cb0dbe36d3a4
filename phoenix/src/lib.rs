//! PHOENIX, ESO's science-grade production line, as a library
