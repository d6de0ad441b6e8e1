#!/bin/sh
# Makes dist/unidesk-{agent,controller}_VERSION_ARCH.deb, the same bytes from the same commit.
#
#   packaging/deb/build.sh ARCH VERSION     VERSION as git describes it: it goes into the programs
set -eu

arch=$1 version=$2
case $arch in amd64 | arm64) ;; *)
  echo "build.sh: no package is made for '$arch'; amd64 or arm64" >&2
  exit 2
  ;;
esac

# v1.2.3-4-gabc becomes 1.2.3+4.gabc. Without a tag the number of commits makes later ones newer, and ~ makes any release
# newer than them (deb-version(7)).
case $version in
  v[0-9]* | [0-9]*.*) debian=$(echo "${version#v}" | sed 's/-/+/; s/-/./g') ;;
  *) debian="0~$(git rev-list --count HEAD).g$(echo "$version" | sed 's/-/./g')" ;;
esac

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=0

build() {
  GOARCH=$1 go build -trimpath -ldflags "-s -w -X github.com/pikasTech/unidesk-artifact-cd/internal/build.version=$version" -o "dist/stage/$2-$1" "./cmd/$3"
}
rm -rf dist/stage
mkdir -p dist/stage
build amd64 unidesk-agent agent
build arm64 unidesk-agent agent
build "$arch" unidesk-controller controller
for shell in bash zsh fish; do
  go run ./cmd/controller completion "$shell" >"dist/stage/completion.$shell"
done
for name in agent controller; do
  VERSION=$debian ARCH=$arch go tool -modfile=tools/go.mod nfpm package --config "packaging/nfpm-$name.yaml" \
    --packager deb --target "dist/unidesk-${name}_${debian}_$arch.deb"
done
rm -rf dist/stage
