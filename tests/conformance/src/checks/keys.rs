use mirrorbox::key::SessionKey;

use crate::expect::{self, Broken, Verdict};
use crate::ground::Ground;
use crate::log::Log;
use crate::{checks::listings, hostile};

/// Keys whose parts would be the same if they were joined, escaped carelessly or folded.
fn twins(ground: &Ground) -> Result<Vec<SessionKey>, Broken> {
    let mut keys = Vec::new();
    for separator in [":", "/", "-", ".", "_", "|", " ", "%", "\u{1}"] {
        let project = format!("{}{separator}p", ground.project);
        let session = format!("p{separator}s");
        let subpath = format!("s{separator}t");
        keys.extend([
            ground.key(&project, "s", None)?,
            ground.key(&ground.project, &session, None)?,
            ground.key(&project, "s", Some("t"))?,
            ground.key(&ground.project, &session, Some("t"))?,
            ground.key(&ground.project, "p", Some(&subpath))?,
        ]);
    }
    keys.extend([ground.main("p")?, ground.sub("p", "p")?, ground.sub("p", "s")?]);
    Ok(keys)
}

/// Every key holds its own name and nothing else, after all were written.
pub(super) async fn never_share_a_place(ground: &Ground) -> Verdict {
    let mut keys = twins(ground)?;
    for part in hostile::parts(&mut ground.random(), ground.amount(10, 200)) {
        keys.push(ground.key(&format!("{}{part}", ground.project), "session", None)?);
        keys.push(ground.main(&part)?);
        keys.push(ground.sub("session", &part)?);
    }
    let longest = "l".repeat(mirrorbox::key::MAX_PART);
    keys.extend([ground.main(&longest)?, ground.sub(&longest, &longest)?]);
    keys.sort_unstable();
    keys.dedup();
    let mut logs = Vec::new();
    for key in keys {
        let mut log = Log::new(ground, key);
        let name = format!(
            "{:?}\n",
            (log.key.project_key(), log.key.session_id(), log.key.subpath())
        );
        log.append(name)
            .await
            .map_err(|broken| Broken::new(format!("{:?}: {broken}", log.key)))?;
        logs.push(log);
    }
    for log in logs {
        let held = log.holds("a key among its twins").await;
        held.map_err(|broken| Broken::new(format!("{:?}: {broken}", log.key)))?;
    }
    Ok(())
}

pub(super) async fn are_listed_as_they_are(ground: &Ground) -> Verdict {
    let parts = hostile::parts(&mut ground.random(), ground.amount(10, 200));
    for part in &parts {
        Log::with(ground, ground.main(part)?, 1).await?;
        Log::with(ground, ground.sub("a", part)?, 1).await?;
    }
    let sessions = listings::sessions(&*ground.ours, &ground.project, 7).await?;
    let ids = sessions.into_iter().map(|session| session.session_id).collect();
    expect::same_names("list-sessions", ids, parts.clone())?;
    let subpaths = listings::subkeys(&*ground.theirs, &ground.project, "a", 7).await?;
    expect::same_names("list-subkeys", subpaths, parts)
}
