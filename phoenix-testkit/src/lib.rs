//! Conformance suite, fakes and peers for backends of PHOENIX
