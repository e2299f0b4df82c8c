# One image for every service: `docker run penstock run server`, `... run connect`, `... apply /app/ksql`.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE NOTICE ./
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-deps -e .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 penstock && install -d -o penstock -g penstock /data
COPY --from=build /venv /venv
COPY --from=build --chown=penstock:penstock /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PENSTOCK_DIR=/data PENSTOCK_HOST=0.0.0.0
USER penstock
WORKDIR /app
VOLUME /data
ENTRYPOINT ["penstock"]
CMD ["--help"]
