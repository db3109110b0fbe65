//! Whether the bucket is there and creates an object only if its name is free.

use bytes::Bytes;
use mirrorbox_adapter::{Error, Result};

use crate::bucket::{Bucket, Metadata};
use crate::layout::SIDE;

/// Creates an object twice. It stays: credentials that may not remove anything are enough to open, and a later open
/// finds the name taken, which says as much.
pub(crate) async fn run(bucket: &Bucket) -> Result<()> {
    let key = format!("{}{SIDE}probe/if-none-match", bucket.options().prefix);
    let what = format!("PUT {} with `If-None-Match`", bucket.url(&key));
    match bucket.try_create(&key, Metadata::new(), Bytes::new()).await {
        Ok(true) => {}
        Ok(false) if bucket.head(&key).await?.is_some() => return Ok(()),
        Ok(false) => return Err(cannot(bucket, "takes a name that nobody has used for taken")),
        Err(failure) if failure.is_not_implemented() => return Err(cannot(bucket, "does not know `If-None-Match`")),
        Err(failure) => return Err(failure.of(&what)),
    }
    match bucket.try_create(&key, Metadata::new(), Bytes::new()).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(cannot(
            bucket,
            "ignores `If-None-Match` and lets one object replace another",
        )),
        Err(failure) => Err(failure.of(&what)),
    }
}

fn cannot(bucket: &Bucket, what: &str) -> Error {
    let options = bucket.options();
    let server = options.endpoint.as_deref().unwrap_or("the server");
    Error::Misconfigured(format!(
        "{server} {what}: two hosts would overwrite each other in `bucket` {}; set `endpoint` to a server with \
         conditional writes",
        options.bucket
    ))
}
