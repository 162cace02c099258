# One image for the ingestor, the webhook gateway, the Partoo simulator and the tools that administer webhooks, topics, schemas and
# dead letters: the command chooses which. No build step: Node 24 runs the TypeScript as it is. The root file system may be read-only; nothing runs as
# root; no development dependency is in it.
#
#   docker build -t partoo-kafka-bridge .
#   docker run --rm partoo-kafka-bridge services/ingestor/src/main.ts --help

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY libs/schemas/package.json libs/schemas/
COPY libs/partoo/package.json libs/partoo/
COPY libs/runtime/package.json libs/runtime/
COPY services/ingestor/package.json services/ingestor/
COPY services/webhook-gateway/package.json services/webhook-gateway/
COPY tools/dlq/package.json tools/dlq/
COPY tools/partoo-simulator/package.json tools/partoo-simulator/
COPY tools/schemas/package.json tools/schemas/
COPY tools/topics/package.json tools/topics/
COPY tools/webhooks/package.json tools/webhooks/
# `install`, not `ci`: it keeps the locked versions, and takes a lock file that was written on another platform.
RUN npm install --omit=dev --ignore-scripts --loglevel=error

FROM node:24-slim
ENV NODE_ENV=production
# kafkajs 2.2 trips over this warning on newer Nodes; it means nothing.
ENV NODE_OPTIONS=--disable-warning=TimeoutNegativeWarning
WORKDIR /app
COPY --from=dependencies /app ./
COPY libs libs
COPY services services
COPY tools/dlq tools/dlq
COPY tools/partoo-simulator tools/partoo-simulator
COPY tools/schemas tools/schemas
COPY tools/topics tools/topics
COPY tools/webhooks tools/webhooks
# For a volume: where the gateway may keep its spool.
RUN mkdir /var/lib/spool && chown node:node /var/lib/spool
USER node
# 8080 webhooks, 8090 simulator, 9464 and 9465 health and metrics of ingestor and gateway
EXPOSE 8080 8090 9464 9465
ENTRYPOINT ["node"]
CMD ["services/ingestor/src/main.ts"]
