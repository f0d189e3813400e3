//! Queries, exports and the files that other programs read.

mod flight;
mod http;
mod import_export;
mod postgres;
mod store_files;
