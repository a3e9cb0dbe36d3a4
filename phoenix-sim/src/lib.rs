//! Seeded simulators of PHOENIX: frames, headers and their truth
