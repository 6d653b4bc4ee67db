//! Trials on machines of a cluster. An engine (Slurm, or any that starts commands) schedules, limits and accounts; a trial is one command,
//! `trial DIR ID`, which writes its record by one rename on the shared file system. Nothing listens, and there is no lock that a machine could
//! take with it when it dies: who runs a trial says so in a claim, and whether the claim still counts is asked of the engine.

mod arrays;
pub(crate) mod attempt;
mod calls;
pub(crate) mod claims;
pub(crate) mod files;
pub(crate) mod listing;
mod requests;
mod slurm;
pub(crate) mod status;
mod submit;
mod verdicts;
pub(crate) mod wait;
