//! Real servers at the other end, and what they themselves say of an alert.

use anyhow::{Context, Result, ensure};
use private_broker::Release;
use tests::{Amqp, Outcome, PrivateNagios, Stage, on_a_stage, until};

use crate::channel::Channel;

#[test]
fn nagios_shows_an_alert_that_came_by_its_command_file_or_by_nsca_and_notifies_once() -> Outcome {
    on_a_stage(Release::Installed, |stage| {
        stage.declare(&[])?;
        let nagios = PrivateNagios::start()?;
        let command_file = format!(
            "way = 'command_file'\ncommand_file = '{}'\n",
            nagios.command_file().display()
        );
        let nsca = format!(
            "way = 'nsca'\naddress = '127.0.0.1'\nport = {}\npassword_env = 'NSCA_SECRET'\n",
            nagios.nsca()
        );
        let amqp = stage.amqp()?;
        show(stage, &amqp, &nagios, "command-file", &command_file)?;
        show(stage, &amqp, &nagios, "nsca", &nsca)?;
        // Each alert came three times; the service is volatile, so that Nagios absorbs nothing.
        let notified = nagios.notified();
        ensure!(notified.len() == 2, "{notified:?}");
        Ok(())
    })
}

/// Raises an alert three times by one way in, and finds it in Nagios's own status.
fn show(stage: &Stage, amqp: &Amqp, nagios: &PrivateNagios, name: &str, way: &str) -> Result<()> {
    let keys = format!("sink = 'nagios'\nhost = 'Sendence'\nservice = 'AAPL'\n{way}");
    let channel = Channel::open(stage, name, &keys)?;
    let order = format!("order by {name}");
    let channel_boy = channel.channel_boy("channel-boy")?.start()?;
    for _ in 0..3 {
        channel.raise(amqp, &order)?;
    }
    let delivered = channel.until_word(&order, "delivered");
    delivered.with_context(|| channel.report())?;
    channel_boy.terminate()?.successful()?;
    until("Nagios shows it", || {
        let shown = nagios.status("plugin_output")?.contains(&order);
        let notified = nagios.notified().iter().any(|line| line.contains(&order));
        (shown && notified).then_some(())
    })
    .with_context(|| format!("{:?}\n{}", nagios.status("plugin_output"), nagios.log()))?;
    ensure!(
        nagios.status("current_state").as_deref() == Some("2"),
        "critical"
    );
    let performance = nagios.status("performance_data").unwrap_or_default();
    ensure!(performance.contains("excess=20"), "{performance:?}");
    Ok(())
}
