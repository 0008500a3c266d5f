//! What the tests share: the program as a child process, a client, a webhook's receiver.

mod receiver;
mod server;

pub(crate) use receiver::Receiver;
pub(crate) use server::{Server, client, ended};
