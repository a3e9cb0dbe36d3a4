//! Building blocks shared by the instruments of PHOENIX
