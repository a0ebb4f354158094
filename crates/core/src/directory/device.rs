//! Second factors: statements and events. What a device keeps (keys, numbers, secrets) is not among them.
use super::change::DeviceChange;
use super::told;
use super::transaction::Transaction;
use crate::event::EventAction;
use crate::event::diff;
use signet_base::{Json, Map, Result, json};
use signet_store::devices::{self, Device};
use signet_store::epoch;

fn fields(d: &Device) -> Map {
    let mut all = Map::new();
    all.insert("name".to_owned(), json!(d.name));
    all.insert("confirmed".to_owned(), json!(d.confirmed));
    all.extend(d.data.get("backed_up").map(|yes| ("backed_up".to_owned(), yes.clone())));
    all
}

impl Transaction<'_> {
    pub(super) async fn device(&mut self, change: DeviceChange) -> Result<()> {
        let about = |model: &Json, changed: Map| {
            let mut context = told(model, changed);
            context.extend(change.with.owner.as_ref().map(|name| ("user".to_owned(), json!(name))));
            context
        };
        match (&change.before, &change.after) {
            (None, Some(device)) => {
                let mut device = device.clone();
                device.id = self.number::<Device>(device.id).await?;
                self.add(devices::insert_batch(&device, &change.with.codes));
                let model = device.event_model(device.id);
                let changed = diff::between(&Map::new(), &fields(&device), &diff::SecretPaths::default());
                self.tell(EventAction::ModelCreated, about(&model, changed));
            }
            (Some(before), Some(after)) => {
                self.add(devices::update_batch(before, after, self.core.now()));
                let changed = diff::between(&fields(before), &fields(after), &diff::SecretPaths::default());
                self.tell(EventAction::ModelUpdated, about(&after.event_model(after.id), changed));
            }
            (Some(device), None) => {
                self.add(devices::delete_batch(device.id));
                if let Some(spared) = &change.with.ends {
                    self.add(epoch::end(device.user_id, spared));
                }
                let model = device.event_model(device.id);
                self.tell(EventAction::ModelDeleted, about(&model, Map::new()));
            }
            (None, None) => {}
        }
        Ok(())
    }
}
