package drivers

// Help texts for flags with the URLs of package backends.
const (
	BlobHelp = "dir:///folder, file:///folder or mem://;\n" +
		"s3://BUCKET?region=REGION, or outside of AWS\n" +
		"s3://BUCKET?endpoint=https://HOST&region=REGION&use_path_style=true;\n" +
		"gs://BUCKET; or azblob://CONTAINER. The cloud takes signed uploads itself, for 7 days at\n" +
		"most; credentials are those of the environment, as the cloud's SDK finds them"
	TopicHelp = "awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE, FIFO or not; awssns:///ARN-OF-TOPIC;\n" +
		"gcppubsub://projects/PROJECT/topics/TOPIC;\n" +
		"azuresb://TOPIC-OR-QUEUE, of the namespace in SERVICEBUS_CONNECTION_STRING or\n" +
		"AZURE_SERVICEBUS_HOSTNAME;\n" +
		"kafka://TOPIC, on the brokers in KAFKA_BROKERS;\n" +
		"rabbit://EXCHANGE, on the server that RABBIT_SERVER_URL names, amqp://USER:PASSWORD@HOST;\n" +
		"nats://HOST:PORT/SUBJECT?stream=NAME, or nats+js://, on JetStream;\n" +
		"postgres://…?channel=NAME, by NOTIFY, for a handful of workers; or mem://name.\n" +
		"A topic that does not exist is an error, except that fanout exchanges and work-queue streams are\n" +
		"created. A broker that can't be reached is not an error. Credentials come from the environment"
	SubscriptionHelp = "awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE, also of an SNS topic;\n" +
		"gcppubsub://projects/PROJECT/subscriptions/SUBSCRIPTION;\n" +
		"azuresb://QUEUE or azuresb://TOPIC?subscription=NAME;\n" +
		"kafka://GROUP?topic=TOPIC; rabbit://QUEUE, created as a quorum queue if missing;\n" +
		"nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME;\n" +
		"postgres://…?channel=NAME, to the primary, not through PgBouncer in transaction mode; or mem://name"
	JobsHelp = "sqlite:FILE, postgres://… or mem:;\n" +
		"dynamodb://TABLE?region=REGION;\n" +
		"firestore://projects/PROJECT/databases/(default)/documents/COLLECTION;\n" +
		"or mongo://DATABASE/COLLECTION, with MONGO_SERVER_URL in the environment. Tables and\n" +
		"indexes are on the drivers' pages in jobs/docjobs/drivers; credentials are those of the\n" +
		"environment, as the cloud's SDK finds them"
)
