// A stand-in for Azure Service Bus: the part of its AMQP 1.0 that the Go SDK needs to
// send, to receive with a lock and to settle. It has no sessions, filters, storage or
// authentication. See servicebus.go.
//
//   node servicebus.js PORT '{"queues":["q"],"topics":{"t":["s"]},"lock":2000,"deliveries":10}'
"use strict";
const rhea = require("rhea");

const config = JSON.parse(process.argv[3]);
const entities = new Map(); // path, in lower case: an entity
for (const q of config.queues) entities.set(q.toLowerCase(), entity());
for (const [topic, subscriptions] of Object.entries(config.topics)) {
  const subscribers = subscriptions.map((s) => {
    const e = entity();
    entities.set(`${topic}/subscriptions/${s}`.toLowerCase(), e);
    return e;
  });
  entities.set(topic.toLowerCase(), { subscriptions: subscribers });
}

function entity() {
  return { waiting: [], links: [], locks: new Map() };
}

let sequence = 0;

function store(e, message) {
  for (const to of e.subscriptions || [e]) {
    to.waiting.push({ message, sequence: ++sequence, failures: 0 });
    deliver(to);
  }
}

// again puts a message back in its place.
function again(e, m) {
  if (m.failures >= config.deliveries) return; // dead letters are not kept
  let at = e.waiting.findIndex((w) => w.sequence > m.sequence);
  if (at < 0) at = e.waiting.length;
  e.waiting.splice(at, 0, m);
  deliver(e);
}

function deliver(e) {
  while (e.waiting.length > 0) {
    const link = e.links.find((l) => l.is_open() && l.sendable());
    if (!link) return;
    e.links.push(...e.links.splice(e.links.indexOf(link), 1)); // round robin
    lock(e, link, e.waiting.shift());
  }
}

let tags = 0;

// lock gives a message to a link until it is settled or the lock ends. The tag is the
// lock's token; it reads the same in both byte orders of a GUID.
function lock(e, link, m) {
  const tag = Buffer.alloc(16, 1);
  tag.writeBigUInt64BE(BigInt(++tags), 8);
  const until = Date.now() + config.lock;
  link.send({
    ...m.message,
    delivery_count: m.failures,
    message_annotations: {
      ...m.message.message_annotations,
      "x-opt-sequence-number": rhea.types.wrap_long(m.sequence),
      "x-opt-enqueued-time": rhea.types.wrap_timestamp(Date.now()),
      "x-opt-locked-until": rhea.types.wrap_timestamp(until),
    },
  }, tag);
  const token = tag.toString("hex");
  const timer = setTimeout(() => {
    e.locks.delete(token);
    m.failures++;
    again(e, m);
  }, config.lock);
  e.locks.set(token, { m, timer });
}

// unlock ends a lock. It returns undefined if that has ended.
function unlock(e, token) {
  const held = e.locks.get(token);
  if (!held) return undefined;
  clearTimeout(held.timer);
  e.locks.delete(token);
  return held.m;
}

// settle applies a receiver's outcome to a message.
function settle(e, delivery, outcome) {
  const m = unlock(e, delivery.tag.toString("hex"));
  if (!m) {
    delivery.update(true, rhea.message.rejected({
      error: { condition: "com.microsoft:message-lock-lost", description: "the lock has ended" },
    }).described());
    return;
  }
  delivery.update(true, rhea.message[outcome]({}).described());
  if (outcome === "modified") m.failures++;
  if (outcome === "modified" || outcome === "released") again(e, m);
}

const replies = new Map(); // address: the link to the client

// answer handles requests of $cbs and $management.
function answer(address, request) {
  const path = address.replace(/\/\$management$/i, "").toLowerCase();
  const operation = request.application_properties && request.application_properties.operation;
  if (operation === "put-token") return [202, "Accepted"];
  const e = entities.get(path);
  if (!e) return [404, "not found"];
  if (operation === "com.microsoft:peek-message") return [204, "no messages"];
  if (operation === "com.microsoft:update-disposition") {
    const { "disposition-status": status, "lock-tokens": tokens } = request.body;
    for (const t of tokens) {
      const m = unlock(e, Buffer.from(t).toString("hex"));
      if (!m) return [410, "the lock has ended"];
      if (status === "abandoned") { m.failures++; again(e, m); }
    }
    return [200, "OK"];
  }
  return [501, "not in this stand-in"];
}

const special = (address) => address === "$cbs" || /\/\$management$/i.test(address);

// refuse closes the link with an error.
function refuse(link, address) {
  link.close({ condition: "amqp:not-found", description: `there is no ${address}` });
}

const container = rhea.create_container();
container.sasl_server_mechanisms.enable_anonymous();

// mirror accepts the client's modes.
function mirror(link) {
  link.set_source({ address: link.source && link.source.address });
  link.set_target({ address: link.target && link.target.address });
  link.local.attach.snd_settle_mode = link.remote.attach.snd_settle_mode;
  link.local.attach.rcv_settle_mode = link.remote.attach.rcv_settle_mode;
}

container.on("receiver_open", ({ receiver }) => { // the client sends
  const address = receiver.target.address;
  if (!special(address) && !entities.has(address.toLowerCase())) return refuse(receiver, address);
  mirror(receiver);
  receiver.local.attach.max_message_size = 262144;
});

container.on("message", ({ receiver, message }) => {
  const address = receiver.target.address;
  if (!special(address)) {
    store(entities.get(address.toLowerCase()), message);
    return;
  }
  const [code, description] = answer(address, message);
  const to = replies.get(message.reply_to);
  if (!to) return;
  to.send({
    correlation_id: message.message_id,
    application_properties: { "status-code": rhea.types.wrap_int(code), "status-description": description },
    body: "",
  });
});

container.on("sender_open", ({ sender }) => { // the client receives
  const address = sender.source.address;
  if (special(address)) {
    mirror(sender);
    replies.set(sender.target.address, sender);
    return;
  }
  const e = entities.get(address.toLowerCase());
  if (!e || e.subscriptions) return refuse(sender, address);
  mirror(sender);
  sender.entity = e;
  e.links.push(sender);
});

container.on("sendable", ({ sender }) => {
  if (sender.entity) deliver(sender.entity);
});
container.on("sender_draining", ({ sender }) => sender.set_drained(true));
for (const outcome of ["accepted", "released", "modified", "rejected"]) {
  container.on(outcome, ({ sender, delivery }) => {
    if (sender && sender.entity) settle(sender.entity, delivery, outcome);
  });
}

function gone(sender) {
  if (!sender || !sender.entity) return;
  const at = sender.entity.links.indexOf(sender);
  if (at >= 0) sender.entity.links.splice(at, 1);
}
container.on("sender_close", ({ sender }) => gone(sender));
container.on("session_close", ({ session }) => session.each_link && session.each_link(gone));
// Messages delivered to a lost connection stay locked until their lock ends.
container.on("disconnected", ({ connection }) => connection.each_sender && connection.each_sender(gone));
container.on("connection_error", () => {});
container.on("error", () => {});

container.listen({ port: Number(process.argv[2]), host: "127.0.0.1", sender_options: { autosettle: false } });
