//! What can go wrong with the network.

use std::io;
use std::sync::Arc;

use crate::feeds::FeedsError;

/// Why the node could not go online, or stopped being so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// No UDP socket could be had.
    #[error("no UDP socket could be opened: {0}")]
    Bind(String),
    /// The thread that writes could not be started.
    #[error("the writer thread could not be started: {0}")]
    Thread(#[source] io::Error),
    /// What is to be served could not be read.
    #[error(transparent)]
    Feeds(#[from] Arc<FeedsError>),
    /// The node was opened offline, or is shut down.
    #[error("this node is offline: it was opened without a network, or has been shut down")]
    Offline,
}
