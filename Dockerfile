# An image with only jwtctl: no shell, no libraries, no root.
#   docker build -t jwtctl . && docker run --rm jwtctl version
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
# The version that jwtctl prints; "development" by default.
ARG VERSION="" COMMIT="" DATE=""
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags=grpcnotrace -buildvcs=false -ldflags="-s -w \
  -X github.com/jwtctl/jwtctl/internal/build.linkedVersion=$VERSION \
  -X github.com/jwtctl/jwtctl/internal/build.linkedCommit=$COMMIT \
  -X github.com/jwtctl/jwtctl/internal/build.linkedDate=$DATE" -o /out/jwtctl ./cmd/jwtctl

FROM scratch
# CAs for key sets and upstreams over https.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/jwtctl /usr/bin/jwtctl
COPY LICENSE /usr/share/doc/jwtctl/LICENSE
USER 65532:65532
ENTRYPOINT ["/usr/bin/jwtctl"]
