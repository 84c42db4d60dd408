//! Following: whose feeds are kept, served and shown.

use super::Node;
use super::error::TidingsError;
use super::keys::random;
use super::profile::{append_state, draft};
use crate::feeds::FollowedFeed;
use crate::format::{FeedId, FeedTicket, Follow, LogId, Seq, Timestamp};
use crate::net::{self, dialable, encode_address, local_address};

/// One followed feed.
#[derive(Debug, Clone)]
pub struct Followed(FollowedFeed);

impl Followed {
    /// Which feed.
    pub const fn feed(&self) -> FeedId {
        self.0.feed
    }

    /// The name in its profile, as one line of printable text.
    pub fn name(&self) -> Option<&str> {
        self.0.profile.name()
    }

    /// Entries held of it, state included.
    pub const fn entries(&self) -> u64 {
        self.0.entries
    }

    /// The claimed time of its newest post held.
    pub const fn last(&self) -> Option<Timestamp> {
        self.0.newest
    }
}

/// A log of which two histories are known: somebody signed two entries for one place of it, and nobody can say yet which
/// counts.
///
/// In the wild it is always a folder that was restored from a backup, or copied. What is held of the log stays readable,
/// and nothing more of it comes from that place on until its person retires the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    log: LogId,
    from: Seq,
    held: u64,
}

impl Unsettled {
    /// The log.
    pub const fn log(&self) -> &LogId {
        &self.log
    }

    /// The first place at which the histories differ.
    pub const fn from(&self) -> Seq {
        self.from
    }

    /// Entries held from there on: they are shown, and may turn out to be of the history that does not count.
    pub const fn held(&self) -> u64 {
        self.held
    }
}

impl Node {
    /// The logs of a feed of which two histories are known; empty for a feed never met.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn unsettled(&self, feed: FeedId) -> Result<Vec<Unsettled>, TidingsError> {
        let replica = self.snapshot()?.replica(&feed)?;
        let logs = replica.into_iter().flat_map(|replica| replica.logs);
        let unsettled = logs.filter_map(|log| {
            let from = log.forked?;
            let past = log
                .held
                .iter()
                .map(|held| held.end.0.saturating_sub(held.start.max(from).0));
            Some(Unsettled {
                log: log.log,
                from,
                held: past.sum(),
            })
        });
        Ok(unsettled.collect())
    }

    /// Follows the feed of a ticket, and looks for it where the ticket says. Followed already, only that is added.
    ///
    /// Who follows whom is kept in the lane `~own`, which nobody else is served.
    ///
    /// # Errors
    ///
    /// [`TidingsError::OwnFeed`]; [`TidingsError::Feeds`] if the disk fails. Addresses that cannot be read or used are
    /// passed over.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the feed may or may not be followed.
    pub async fn follow(&self, ticket: &FeedTicket) -> Result<(), TidingsError> {
        let feed = ticket.feed();
        if feed == self.feed() {
            return Err(TidingsError::OwnFeed);
        }
        let addresses = dialable(ticket, &self.inner.endpoint.relays());
        let (identity, own, now, salt) = (
            self.inner.identity.clone(),
            self.inner.feed,
            self.now(),
            random()?,
        );
        let followed = self.is_followed(feed)?;
        self.before_writing().await?;
        let written = self.inner.writer.write(0, move |batch| {
            for address in &addresses {
                batch.put_peer(address.id.as_bytes(), encode_address(address))?;
                batch.put_finder(&feed, address.id.as_bytes())?;
            }
            if followed {
                return Ok(());
            }
            let draft = draft(
                batch,
                &own,
                &Follow {
                    feed,
                    following: true,
                },
                salt,
                now,
            )?;
            append_state::<Follow>(batch, &identity, &[draft])
        });
        written.await?;
        if let Some(engine) = &self.inner.engine {
            engine.retarget().await;
        }
        Ok(())
    }

    /// Asks for what was dropped here of a feed that was past its budget; says whether anything was. As much of it stays as
    /// the budget has room for: see [`NodeBuilder::feed_budget`](super::NodeBuilder::feed_budget).
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may or may not be asked for.
    pub async fn bring_back(&self, feed: FeedId) -> Result<bool, TidingsError> {
        let written = self
            .inner
            .writer
            .write(0, move |batch| batch.bring_back(&feed));
        Ok(written.await?)
    }

    /// Follows a feed no longer: what is held of it is neither served nor shown, and goes after
    /// [30 days](super::NodeBuilder::keep_unfollowed).
    ///
    /// # Errors
    ///
    /// [`TidingsError::NotFollowed`]; [`TidingsError::Feeds`] if the disk fails.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the feed may or may not be followed.
    pub async fn unfollow(&self, feed: FeedId) -> Result<(), TidingsError> {
        if !self.is_followed(feed)? {
            return Err(TidingsError::NotFollowed { feed });
        }
        self.before_writing().await?;
        let (identity, own, now, salt) = (
            self.inner.identity.clone(),
            self.inner.feed,
            self.now(),
            random()?,
        );
        let written = self.inner.writer.write(0, move |batch| {
            let draft = draft(
                batch,
                &own,
                &Follow {
                    feed,
                    following: false,
                },
                salt,
                now,
            )?;
            append_state::<Follow>(batch, &identity, &[draft])
        });
        Ok(written.await?)
    }

    /// The followed feeds, in the order in which this node met them.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn following(&self) -> Result<Vec<Followed>, TidingsError> {
        Ok(self
            .snapshot()?
            .followed(self.now())?
            .into_iter()
            .map(|feed| {
                Followed(FollowedFeed {
                    profile: feed.profile.printable(),
                    ..feed
                })
            })
            .collect())
    }

    /// A ticket to the own feed, to hand to a friend. It is good whenever this folder is online: the port is kept.
    ///
    /// # Errors
    ///
    /// [`NetError::Bind`](crate::NetError::Bind) if no socket can be had to find out the own address.
    pub async fn ticket(&self) -> Result<FeedTicket, TidingsError> {
        self.ticket_for(self.feed()).await
    }

    /// A ticket to the own or a followed feed, which this node also serves.
    ///
    /// # Errors
    ///
    /// [`TidingsError::NotFollowed`] for any other feed, else as for [`ticket`](Self::ticket).
    pub async fn ticket_for(&self, feed: FeedId) -> Result<FeedTicket, TidingsError> {
        if !self.snapshot()?.is_wanted(&feed)? {
            return Err(TidingsError::NotFollowed { feed });
        }
        let options = &self.inner.endpoint;
        let address = match &self.inner.engine {
            Some(engine) => local_address(engine.endpoint(), options.local_only),
            None => {
                // An endpoint without relay and lookup sends nothing; it only tells which addresses this machine has.
                let quiet = net::EndpointOptions {
                    local_only: true,
                    ..options.clone()
                };
                let endpoint = net::bind(&quiet).await?;
                let address = local_address(&endpoint, options.local_only);
                endpoint.close().await;
                address
            }
        };
        Ok(FeedTicket::new(feed).with_endpoint_addr(&address))
    }

    fn is_followed(&self, feed: FeedId) -> Result<bool, TidingsError> {
        Ok(feed != self.feed() && self.snapshot()?.is_wanted(&feed)?)
    }
}
