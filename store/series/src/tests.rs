//! The store against a model, across checkpoints, crashes and damage.

mod conflicts;
mod crash;
mod durability;
mod model;
mod retention;
mod support;
