//! Placeholder until its first step lands.
