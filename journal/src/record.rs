//! Records as readers get them: borrowed from the chunk they came in.
