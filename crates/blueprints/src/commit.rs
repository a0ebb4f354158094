//! Writing what an import has planned, in one transaction.
use crate::planned::{ObjectWrite, PlannedState};
use signet_base::{Json, Result, json};
use signet_core::directory::{Author, Transaction};
use signet_core::{Core, setup};
use signet_store::users::User;
use signet_store::{Write, table};
use std::collections::HashMap;

pub(crate) async fn commit(core: &Core, planned: PlannedState, by: &Author) -> Result<()> {
    if planned.writes.is_empty() && planned.rows.is_empty() && planned.permissions.is_empty() {
        return Ok(());
    }
    let mut writes = Vec::with_capacity(planned.writes.len());
    for wish in &planned.writes {
        match wish {
            ObjectWrite::Delete(pk) => writes.push(Write::Delete { pk: *pk }),
            ObjectWrite::Create(pk) | ObjectWrite::Update(pk) => {
                // Not there any more: a later entry removed it.
                let Some(object) = planned.objects.get(*pk) else { continue };
                let (data, secrets) = (object.data.clone(), object.secrets.clone());
                writes.push(match wish {
                    ObjectWrite::Create(_) => {
                        Write::Create { def: object.def, pk: Some(object.pk), data, secrets }
                    }
                    _ => Write::Update { pk: *pk, version: Some(object.version), data, secrets },
                });
            }
        }
    }
    // An object made and removed in the same run was never written.
    writes.retain(|w| !matches!(w, Write::Delete { pk } if core.config().get(*pk).is_none()));
    // New users have provisional numbers, by which rows and objects of the file name them.
    let (groups, users) = planned.rows.new_rows();
    let numbers = table::reserve::<User>(&core.db, users.len()).await?;
    let real: HashMap<i64, i64> = users.iter().map(|user| user.id).zip(numbers).collect();
    let real_of = |id: i64| real.get(&id).copied().unwrap_or(id);
    let mut all = Transaction::new(core, by);
    for group in groups {
        all.change(group).await?;
    }
    for user in users {
        let id = real_of(user.id);
        all.change(planned.rows.creation(&user, id)).await?;
    }
    for write in &mut writes {
        settle(write, &real);
    }
    all.write(writes);
    planned.permissions.write(&mut all, |role| planned.objects.get(role).is_some(), real_of).await?;
    for change in planned.rows.changes(real_of) {
        all.change(change).await?;
    }
    all.commit().await?;
    if planned.rows.sets_password_of("akadmin") {
        setup::finish(core).await?;
    }
    Ok(())
}

fn user_fields(write: &mut Write) -> Vec<&mut Json> {
    let (def, data) = match write {
        Write::Create { def, data, .. } => (Some(*def), data),
        // What an update holds was judged with its model; only bindings name users.
        Write::Update { data, .. } => (None, data),
        Write::Delete { .. } => return Vec::new(),
    };
    if def.is_some_and(|d| d.field("user").is_none()) {
        return Vec::new();
    }
    data.get_mut("user").into_iter().collect()
}
fn settle(write: &mut Write, real: &HashMap<i64, i64>) {
    for value in user_fields(write) {
        if let Some(id) = value.as_i64().and_then(|n| real.get(&n)) {
            *value = json!(id);
        }
    }
}
