//! What the tests share: the program as a child process, a client, a webhook's receiver.

mod perfumer;
mod receiver;
mod run;
mod server;
mod shared;
mod silent;
mod site;

pub(crate) use perfumer::{APP_TOKEN, Answer, Perfumer, PerfumerSite, TRUE, logged, postgres, sms};
pub(crate) use receiver::Receiver;
pub(crate) use run::{Run, run_in};
pub(crate) use server::{PROGRAM, Server, client, ended};
pub(crate) use shared::RedisSite;
pub(crate) use silent::SilentQueue;
pub(crate) use site::Site;
