//! What the tests share: the program as a child process, a client, a webhook's receiver.

mod receiver;
mod run;
mod server;
mod shared;
mod site;

pub(crate) use receiver::Receiver;
pub(crate) use run::{Run, run_in};
pub(crate) use server::{PROGRAM, Server, client, ended};
pub(crate) use shared::RedisSite;
pub(crate) use site::Site;
