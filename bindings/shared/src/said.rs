use mirrorbox::host::HostEvent;
use mirrorbox::mirror::Undelivered;
use serde_json::{Value, json};

/// What is on local disk and not in every destination yet: `text`, `adopting`, and `left`, which lists it.
pub fn undelivered(left: &Undelivered) -> Value {
    json!({"text": left.to_string(), "adopting": left.adopting, "left": left.left})
}

/// An event: `of`, `name`, `text`, and `destination` and `stream` where it is about one.
pub fn event(event: &HostEvent) -> Value {
    match event {
        HostEvent::Mirror(event) => json!({
            "of": "destination",
            "name": event.what.name(),
            "destination": event.destination,
            "stream": event.key,
            "text": event.what.to_string(),
        }),
        HostEvent::Spool(alarm) => json!({
            "of": "spool",
            "name": "spool",
            "stream": alarm.key,
            "text": format!("{}: {}", alarm.file.display(), alarm.trouble),
        }),
        HostEvent::Adapter(event) => json!({
            "of": "adapter",
            "name": event.what.name(),
            "destination": event.adapter,
            "text": event.what.to_string(),
        }),
        HostEvent::Missed(count) => json!({
            "of": "events",
            "name": "missed",
            "text": format!("{count} events were missed: they were not read fast enough"),
        }),
        _ => json!({"of": "events", "name": "unknown", "text": "an event that this version does not know"}),
    }
}
