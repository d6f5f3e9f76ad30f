//! The thread that starts every child. Linux sends the parent-death signal when the *thread* that
//! started a child ends, and a test's thread ends long before the stack that several tests share.
use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread;

type Order = (Command, SyncSender<io::Result<Child>>);

/// Starts the command from the thread that lives as long as this process.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                // nobody waits any more: the child ends with its handle's owner, this process
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let gone = || io::Error::other("the thread that starts children has ended");
    let (reply, answer) = sync_channel(1);
    orders.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}
