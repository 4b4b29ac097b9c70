# Interlocutor in a container. docs/operations.md says how to build and run it; scripts/container-replay tries it out.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/base.lock requirements/build.lock requirements/
# Wheels alone, so that nothing is compiled, and only what the lock names (scripts/lock leaves out what nothing imports); what builds our own wheel stays in this stage.
RUN python -m venv /opt/interlocutor \
    && /opt/interlocutor/bin/pip install --quiet --only-binary :all: --no-deps --require-hashes -r requirements/base.lock \
    && python -m venv /opt/tools \
    && /opt/tools/bin/pip install --quiet --only-binary :all: --require-hashes -r requirements/build.lock
COPY pyproject.toml LICENSE NOTICE README.md ./
COPY common common
COPY audio audio
COPY pipelines pipelines
COPY server server
COPY bench bench
COPY static static
COPY configs configs
RUN /opt/tools/bin/hatchling build -t wheel -d dist \
    && /opt/interlocutor/bin/pip install --quiet --no-index --no-deps dist/interlocutor-*.whl \
    && /opt/interlocutor/bin/pip uninstall --quiet --yes setuptools

# Models that the image carries: --build-arg MODELS="tiny.en". None by default.
FROM build AS models
ARG MODELS=""
RUN mkdir /models \
    && for model in $MODELS; do MODEL_PATH=/models /opt/interlocutor/bin/interlocutor models pull "$model" || exit 1; done

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends flite \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
    && groupadd --gid 10001 interlocutor \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin interlocutor \
    && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=build /opt/interlocutor /opt/interlocutor
COPY --from=models --chown=10001:10001 /models /models
ENV PATH=/opt/interlocutor/bin:$PATH PYTHONDONTWRITEBYTECODE=1
ENV APP_ENV=production DATA_PATH=/data MODEL_PATH=/models
ENV INTERLOCUTOR__SERVER__HOST=0.0.0.0 INTERLOCUTOR__SERVER__PORT=8000
WORKDIR /data
VOLUME ["/data", "/models"]
EXPOSE 8000
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["interlocutor"]
CMD ["serve"]
