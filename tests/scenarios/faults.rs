//! Crashes, failing disks and scarce resources: nothing acknowledged is lost.

mod clock;
mod crash;
mod databases;
mod disk;
mod full_disk;
mod kills;
mod limits;
mod passwords;
mod restart;
mod shutdown;
mod slow_clients;
