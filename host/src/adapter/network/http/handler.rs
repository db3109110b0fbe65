use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Host as Types};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{RequestOptions, WasiHttpView};

/// The interface in the version that wasmtime links; guests of other versions within 0.2 get this one.
const INTERFACE: &str = "wasi:http/outgoing-handler@0.2.12";

type Handled = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

/// Links a `handle` in place of wasmtime's, which never lets go of the options that come with a request: an instance
/// would run out of handles after a thousand of them.
pub(in crate::adapter::network) fn add_to_linker<T: WasiHttpView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap("handle", handle::<T>)
}

fn handle<T: WasiHttpView>(
    mut store: StoreContextMut<'_, T>,
    (request, options): (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>),
) -> wasmtime::Result<(Handled,)> {
    let mut http = store.data_mut().http();
    let given = options.as_ref().map(|options| Resource::new_own(options.rep()));
    let handled = http.handle(request, options);
    if let Some(options) = given {
        let _: RequestOptions = http.table.delete(options)?;
    }
    match handled {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => Ok((Err(http.convert_error_code(error)?),)),
    }
}
