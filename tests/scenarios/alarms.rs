//! Alarms and their notifications, from the reading to the people.

mod channels;
mod day;
mod delivery;
mod kills;
mod people;
mod priority;
mod services;
