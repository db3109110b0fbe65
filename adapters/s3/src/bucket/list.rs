//! Listings.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use mirrorbox_adapter::Result;

use super::{Bucket, size, unix_ms};

/// Sorts behind every name that we make inside a folder.
const LAST_NAME: &str = "~~";

/// An object in a listing.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Behind the folder that was listed.
    pub(crate) name: String,
    pub(crate) size: u64,
    /// Unix milliseconds, by the server's clock.
    pub(crate) modified: i64,
}

/// A piece of a listing, sorted by name.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) objects: Vec<Listed>,
    /// The folders in the folder, without their `/`.
    pub(crate) folders: Vec<String>,
    /// Where to go on; none at the end.
    pub(crate) next: Option<String>,
}

/// Whether what lies deeper is shown by its folder alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    Folder,
    All,
}

impl Bucket {
    /// The objects and folders in a folder behind that name (`""`: all of them), one request's worth.
    pub(crate) async fn list(&self, folder: &str, after: &str) -> Result<Listing> {
        self.list_to(Depth::Folder, folder, after).await
    }

    /// The objects in a folder and in the folders in it, behind that name; one request's worth.
    pub(crate) async fn list_deep(&self, folder: &str, after: &str) -> Result<Listing> {
        self.list_to(Depth::All, folder, after).await
    }

    async fn list_to(&self, depth: Depth, folder: &str, after: &str) -> Result<Listing> {
        if self.options.directory {
            return self.list_unsorted(depth, folder, after).await;
        }
        let after = Some(after).filter(|after| !after.is_empty());
        let after = after.map(|after| format!("{folder}{after}"));
        let (mut listing, token) = self.list_once(depth, folder, after, None).await?;
        listing.next = token.and_then(|_| listing.last_name());
        Ok(listing)
    }

    /// A directory bucket lists in no order and cannot begin in the middle: everything is fetched, then sorted.
    async fn list_unsorted(&self, depth: Depth, folder: &str, after: &str) -> Result<Listing> {
        let mut whole = Listing::default();
        let mut token = None;
        loop {
            let (listing, next) = self.list_once(depth, folder, None, token).await?;
            whole.objects.extend(listing.objects);
            whole.folders.extend(listing.folders);
            token = next;
            if token.is_none() {
                break;
            }
        }
        whole.objects.retain(|object| object.name.as_str() > after);
        whole.objects.sort_by(|one, other| one.name.cmp(&other.name));
        whole.folders.retain(|name| format!("{name}/").as_str() > after);
        whole.folders.sort();
        whole.folders.dedup();
        Ok(whole)
    }

    async fn list_once(
        &self,
        depth: Depth,
        folder: &str,
        after: Option<String>,
        token: Option<String>,
    ) -> Result<(Listing, Option<String>)> {
        let list = self.client.list_objects_v2().bucket(&self.options.bucket);
        let list = list
            .set_prefix(Some(folder.to_owned()).filter(|folder| !folder.is_empty()))
            .set_start_after(after)
            .set_continuation_token(token);
        let list = match depth {
            Depth::Folder => list.delimiter("/"),
            Depth::All => list,
        };
        let answer = self.send(async || list.clone().send().await).await;
        let answer = answer.map_err(|failure| failure.of(&format!("LIST {}", self.url(folder))))?;
        let next = answer
            .next_continuation_token()
            .filter(|_| answer.is_truncated() == Some(true));
        let next = next.map(str::to_owned);
        Ok((Listing::from_answer(folder, &answer), next))
    }
}

impl Listing {
    fn from_answer(folder: &str, answer: &ListObjectsV2Output) -> Self {
        let inside = |key: Option<&str>| Some(key?.strip_prefix(folder)?.to_owned());
        let objects = answer.contents().iter().filter_map(|object| {
            Some(Listed {
                name: inside(object.key())?,
                size: size(object.size()),
                modified: unix_ms(object.last_modified()),
            })
        });
        let folders = answer.common_prefixes().iter();
        let folders = folders.filter_map(|prefix| Some(inside(prefix.prefix())?.strip_suffix('/')?.to_owned()));
        Self {
            objects: objects.collect(),
            folders: folders.collect(),
            next: None,
        }
    }

    /// What everything in this listing sorts before or is, and everything behind it sorts after.
    fn last_name(&self) -> Option<String> {
        let object = self.objects.last().map(|object| object.name.clone());
        let folder = self.folders.last().map(|name| behind_folder(name));
        object.max(folder)
    }
}

/// Where a listing goes on behind a folder.
pub(crate) fn behind_folder(name: &str) -> String {
    format!("{name}/{LAST_NAME}")
}
