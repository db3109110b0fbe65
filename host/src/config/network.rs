//! `grants.network`: where an adapter may connect to, and the decisions that follow. Nothing here does any I/O.
//!
//! | module | what |
//! | --- | --- |
//! | `grant` | one entry: scheme, host, port |
//! | `host` | a host: a name, an address, or a pattern of either |
//! | `address` | addresses that no name may lead to unless a grant says so |
//! | `audit` | which grants were needed |
//! | `cover` | does a grant allow more than others do |
//! | `policy` | may this request, lookup or connection go out |

mod address;
mod audit;
mod cover;
mod grant;
mod host;
mod policy;

pub use address::Special;
pub use audit::NetworkAudit;
pub use grant::{GrantError, NetworkGrant, Transport};
pub use host::{HostPattern, NetworkHost, NetworkHostError};
pub use policy::{NetworkPolicy, Refusal};
