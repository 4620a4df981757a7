# A static binary and the authorities that are trusted, nothing else. Build: docker build -t fanfare .

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends musl-tools make ca-certificates
WORKDIR /src
COPY . .
RUN make static && cp target/static/fanfare /fanfare

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /fanfare /fanfare
USER 65532:65532
EXPOSE 8080 9180 9280
ENTRYPOINT ["/fanfare"]
CMD ["serve"]
