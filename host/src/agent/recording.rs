//! A run without an agent: a test says what the agent prints and writes.

use std::path::Path;

use tokio::sync::mpsc;

use super::event::OnEvent;
use super::place::Place;
use super::recorder::Recorder;
use super::trail::Trail;
use crate::host::Host;

/// What happens to a run.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The agent prints a frame,
    Frame(Vec<u8>),
    /// or one of which only the beginning came.
    Torn(Vec<u8>),
    /// It is time to look at the agent's files.
    Look,
    TurnEnded,
    /// The agent has ended.
    End,
}

/// Takes what an agent does in a folder of a projects directory, and says after each thing that it is done. Ends with
/// the agent, or with the channel.
pub(crate) async fn record(
    host: &Host,
    (state, projects, folder): (&Path, &Path, &str),
    session: Option<&str>,
    on_event: OnEvent,
    mut heard: mpsc::UnboundedReceiver<Heard>,
    mut done: impl FnMut(),
) -> std::io::Result<()> {
    let mut trail = Trail::begin(state, host.writer())?;
    let place = Place {
        projects: projects.to_owned(),
        folder: folder.to_owned(),
        project: folder.to_owned(),
    };
    let unread = trail.set_place(place, session.is_none())?;
    let mut recorder = Recorder::new(host, trail, on_event);
    recorder.could_not_look(unread);
    match session {
        Some(session) => recorder.names_session(session),
        None => recorder.expect_files_only(),
    }
    done();
    while let Some(heard) = heard.recv().await {
        match heard {
            Heard::Frame(frame) => recorder.take(&frame).await,
            Heard::Torn(head) => recorder.malformed(&head),
            Heard::Look => recorder.follow().await,
            Heard::TurnEnded => recorder.turn_ended(),
            Heard::End => {
                recorder.finish().await;
                done();
                break;
            }
        }
        done();
    }
    Ok(())
}
