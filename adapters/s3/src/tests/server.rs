//! The one server that the tests share.

use std::sync::OnceLock;

use mirrorbox_servers::Moto;

/// Ends with this process. `cargo xtask test` installs it.
pub(super) fn moto() -> &'static Moto {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(|| Moto::start().unwrap())
}
