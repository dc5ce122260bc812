// The points service of 13_points_service.cpp in JavaScript, on PostgreSQL. Nothing of Outbox is needed: a stock client, and
// the statement of docs/idempotency.md in the transaction of the points.
//
//   npm install kafkajs pg
//   outbox migrate up --db postgresql://shop@127.0.0.1/shop
//   node 17_points_service.js postgresql://shop@127.0.0.1/shop 127.0.0.1:9092
'use strict'

const { Kafka, logLevel } = require('kafkajs')
const { Client } = require('pg')

const group = 'points'

async function apply(db, messageId, paid) {
  await db.query('begin')
  try {
    const noted = await db.query(
      'insert into outbox.consumed (group_name, message_key) values ($1, uuid_send($2)) on conflict do nothing',
      [group, messageId])
    const isNew = noted.rowCount === 1
    if (isNew) {
      await db.query(
        'insert into points values ($1, $2) on conflict (customer) do update set points = points.points + excluded.points',
        [paid.customer, paid.points])
    }
    await db.query('commit')
    return isNew
  } catch (failure) {
    await db.query('rollback')
    throw failure
  }
}

async function main(url, broker) {
  const db = new Client({ connectionString: url })
  await db.connect()
  await db.query('create table if not exists points (customer text primary key, points bigint not null)')
  const consumer = new Kafka({ brokers: [broker], logLevel: logLevel.WARN }).consumer({ groupId: group })
  await consumer.connect()
  await consumer.subscribe({ topics: ['orders.paid'], fromBeginning: true })
  process.once('SIGTERM', async () => {
    await consumer.disconnect()
    await db.end()
  })
  await consumer.run({
    eachMessage: async ({ message }) => {
      const messageId = message.headers['outbox-id'].toString()
      const isNew = await apply(db, messageId, JSON.parse(message.value))
      console.log(`${messageId}: ${isNew ? 'applied' : 'known'}`)
      // Its offset is committed when this has returned, so behind the commit. What is thrown makes the message come again.
    }
  })
}

main(...process.argv.slice(2)).catch((failure) => {
  console.error(failure)
  process.exit(1)
})
