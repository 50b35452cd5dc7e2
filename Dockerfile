# Packs Tagferry and installs the package, as test/frame/pack-install.sh does on a machine without an engine.
FROM node:26-slim AS pack
WORKDIR /source
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm pack --pack-destination /packed

FROM node:26-slim AS install
WORKDIR /app
COPY --from=pack /packed /packed
RUN npm install --omit=dev --no-audit --no-fund /packed/tagferry-*.tgz

FROM node:26-slim
LABEL org.opencontainers.image.title="Tagferry" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    PATH=/app/node_modules/.bin:$PATH \
    TAGFERRY_HEALTH_URL=http://127.0.0.1:8080/healthz
COPY --from=install /app /app
# The configuration stands at /etc/tagferry/tagferry.yaml; its default database is ./data/tagferry.db.
RUN mkdir -p /etc/tagferry /var/lib/tagferry/data && chown node:node /var/lib/tagferry/data
WORKDIR /var/lib/tagferry
VOLUME /var/lib/tagferry/data
USER node
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s \
  CMD ["node", "--eval", "fetch(process.env.TAGFERRY_HEALTH_URL).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tagferry"]
CMD ["serve"]
