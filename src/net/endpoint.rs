//! The iroh endpoint: one key and one UDP port, kept, so that tickets and reconnects survive restarts.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use iroh::endpoint::{
    BindOpts, Builder, Connection, MtuDiscoveryConfig, PortmapperConfig, QuicTransportConfig,
    VarInt, presets,
};
use iroh::{Endpoint, EndpointAddr, RelayMode, RelayUrl, SecretKey, TransportAddr};

use super::error::NetError;

/// Streams a peer may open: one for a session, the others for protocols to come. iroh's default pins 131 MiB for each
/// hostile connection.
const STREAMS: u32 = 8;

/// A peer of which nothing was heard for so long is gone: it was killed, or its network was. iroh sends a sign of life
/// every five seconds.
const IDLE: VarInt = VarInt::from_u32(16_000);

/// Bytes that may be on their way to us in one connection of a stranger. A hostile one fills as much memory with what is
/// never read, and anyone may make any number of endpoints.
const STRANGER_WINDOW: u32 = 512 * 1024;

/// The same of a peer that this node chose, or that shares a feed with it. Smaller costs speed, larger costs memory.
const RECEIVE_WINDOW: u32 = 8 * 1024 * 1024;

/// Bytes on their way to a peer in one connection, which stay in memory until it says that they came: a hostile one need
/// not. More than a stream's window at the other end, which is 1.25 MB.
const SEND_WINDOW: u64 = 2 * 1024 * 1024;

/// How far apart the sizes are at which a new path is probed, from 1,200 bytes up to the 1,452 that Ethernet takes: so
/// far that the first probe is of that size. iroh's own steps take four probes of some 1,400 bytes there, both ways and
/// on every path, which is most of what a short session costs. A path that takes less is probed at 1,325 next.
const MTU_STEP: u16 = 127;

/// What an endpoint is made from.
#[derive(Debug, Clone)]
pub(crate) struct EndpointOptions {
    pub(crate) secret: SecretKey,
    /// The kept UDP port; 0 takes a free one.
    pub(crate) port: u16,
    /// No relay, no DNS, no packet that nobody asked for.
    pub(crate) local_only: bool,
}

impl EndpointOptions {
    /// The relays that the endpoint uses.
    pub(crate) fn relays(&self) -> Vec<RelayUrl> {
        if self.local_only {
            return Vec::new();
        }
        RelayMode::Default.relay_map().urls()
    }
}

/// Binds an endpoint; on another port if the kept one is taken, since a node that cannot be dialed can still dial.
pub(crate) async fn bind(options: &EndpointOptions) -> Result<Endpoint, NetError> {
    match builder(options, options.port)?.bind().await {
        Ok(endpoint) => Ok(endpoint),
        Err(_) if options.port != 0 => bind_builder(builder(options, 0)?).await,
        Err(error) => Err(NetError::Bind(error.to_string())),
    }
}

async fn bind_builder(builder: Builder) -> Result<Endpoint, NetError> {
    builder
        .bind()
        .await
        .map_err(|error| NetError::Bind(error.to_string()))
}

fn builder(options: &EndpointOptions, port: u16) -> Result<Builder, NetError> {
    let builder = if options.local_only {
        Endpoint::builder(presets::Minimal)
            .relay_mode(RelayMode::Disabled)
            .portmapper_config(PortmapperConfig::Disabled)
    } else {
        Endpoint::builder(presets::N0)
    };
    let wrong = |error: iroh::endpoint::InvalidSocketAddr| NetError::Bind(error.to_string());
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    builder
        .secret_key(options.secret.clone())
        .transport_config(transport())
        .clear_ip_transports()
        .bind_addr(v4)
        .map_err(wrong)?
        .bind_addr_with_opts(v6, BindOpts::default().set_is_required(false))
        .map_err(wrong)
}

fn transport() -> QuicTransportConfig {
    let mut probes = MtuDiscoveryConfig::default();
    probes.minimum_change(MTU_STEP);
    QuicTransportConfig::builder()
        .mtu_discovery_config(Some(probes))
        .max_idle_timeout(Some(IDLE.into()))
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .send_window(SEND_WINDOW)
        .receive_window(VarInt::from_u32(STRANGER_WINDOW))
        .datagram_receive_buffer_size(None)
        .build()
}

/// Gives a connection the window of one that is not a stranger's.
pub(super) fn widen(connection: &Connection) {
    connection.set_receive_window(VarInt::from_u32(RECEIVE_WINDOW));
}

/// Where an endpoint can be dialed, for a ticket. With `loopback`, also from the same machine when no interface is up.
pub(crate) fn local_address(endpoint: &Endpoint, loopback: bool) -> EndpointAddr {
    let mut address = endpoint.addr();
    let port = endpoint
        .bound_sockets()
        .iter()
        .find(|socket| socket.is_ipv4())
        .map(SocketAddr::port);
    if let Some(port) = port.filter(|_| loopback) {
        address
            .addrs
            .insert(TransportAddr::Ip((Ipv4Addr::LOCALHOST, port).into()));
    }
    address
}
