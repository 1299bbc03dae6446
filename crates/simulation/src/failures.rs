//! What goes wrong: connections break, processes and the broker are killed.

use rand::Rng;

use crate::network::{Network, lost};

impl Network {
    /// The broker has lost a connection, or was told good-bye.
    pub(crate) fn broker_loses(&mut self, connection: usize) {
        self.connections[connection].broker_is_up = false;
        for number in 0..self.channels.len() {
            if self.channels[number].connection == connection && self.channels[number].is_open {
                self.close_channel(number);
            }
        }
    }

    /// The client learns that its connection is gone.
    pub(crate) fn client_loses(&mut self, connection: usize) {
        self.connections[connection].client_is_up = false;
        self.unanswered.retain(|(asked, _)| *asked != connection);
        for channel in &mut self.channels {
            if channel.connection == connection
                && let Some(deliveries) = channel.deliveries.take()
            {
                let _ = deliveries.send(Err(lost()));
            }
        }
    }

    /// A connection breaks: each end learns it in its own time.
    pub(crate) fn cut(&mut self, connection: usize) {
        let (broker_ms, client_ms) = (self.delay_ms(), self.delay_ms());
        self.at(self.now_ms + broker_ms, move |network| {
            network.broker_loses(connection);
        });
        self.at(self.now_ms + client_ms, move |network| {
            network.client_loses(connection);
        });
    }

    /// A process ends where it stands. Of what it has sent the broker gets the first part.
    pub(crate) fn kill(&mut self, process: usize) {
        self.doomed.remove(&process);
        self.dead.insert(process);
        for number in 0..self.connections.len() {
            let wire = &mut self.connections[number];
            if wire.process != process || !wire.client_is_up {
                continue;
            }
            wire.client_is_up = false;
            wire.last = Some(self.random.random_range(wire.arrived..=wire.sent));
            let learnt_ms = wire.up_ms.max(self.now_ms) + self.delay_ms();
            self.unanswered.retain(|(asked, _)| *asked != number);
            self.at(learnt_ms, move |network| network.broker_loses(number));
        }
    }

    /// The broker is killed and comes back later; what it has taken is still there.
    pub(crate) fn kill_broker(&mut self, back_ms: u64) {
        self.broker_is_up = false;
        for number in 0..self.connections.len() {
            if self.connections[number].broker_is_up {
                self.broker_loses(number);
                let client_ms = self.now_ms + self.delay_ms();
                self.at(client_ms, move |network| network.client_loses(number));
            }
        }
        self.at(back_ms, |network| {
            network.broker_is_up = true;
            network.take_from_outside();
        });
    }

    pub(crate) fn take_from_outside(&mut self) {
        while self.broker_is_up
            && let Some(message) = self.from_outside.pop_front()
        {
            // The test has declared where it goes.
            let _ = self.take(None, None, &message);
        }
    }
}
