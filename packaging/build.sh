#!/bin/sh
# Makes what people install, the same bytes from the same commit, in dist.
#
#   packaging/build.sh deb VERSION ARCH         unidesk-{agent,controller}_VERSION_ARCH.deb
#   packaging/build.sh release VERSION ARCH...  the same for each ARCH, a tarball of both programs, and SHA256SUMS
#
# VERSION is as git describes it: it goes into the programs. ARCH is amd64 or arm64.
set -eu

usage() {
  echo "build.sh: $1; type packaging/build.sh deb VERSION ARCH, or packaging/build.sh release VERSION ARCH..." >&2
  exit 2
}
[ $# -ge 3 ] || usage "words are missing"
what=$1 version=$2
shift 2
case $what in
  deb) [ $# = 1 ] || usage "deb takes one architecture" ;;
  release) ;;
  *) usage "'$what' is not known" ;;
esac
for arch; do
  case $arch in amd64 | arm64) ;; *) usage "nothing is made for '$arch': amd64 or arm64" ;; esac
done

# v1.2.3-4-gabc becomes 1.2.3+4.gabc. Without a tag the number of commits makes later ones newer, and ~ makes any release
# newer than them (deb-version(7)).
case $version in
  v[0-9]* | [0-9]*.*) debian=$(echo "${version#v}" | sed 's/-/+/; s/-/./g') ;;
  *) debian="0~$(git rev-list --count HEAD).g$(echo "$version" | sed 's/-/./g')" ;;
esac

# What is made does not depend on the account, its settings of Go, the hour or the language.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOFLAGS=-trimpath LC_ALL=C TZ=UTC
umask 022

stage=dist/stage
build() {
  GOARCH=$1 go build -ldflags "-s -w -X github.com/pikasTech/unidesk-artifact-cd/internal/build.version=$version" \
    -o "$stage/$2-$1" "./cmd/$3"
}

# changelog PACKAGE: a changelog of Debian's form (deb-changelog(5)), which leads to the changelog for people.
changelog() {
  gzip -9n >"$stage/$1.changelog.gz" <<END
$1 ($debian) unstable; urgency=medium

  * The changes of each release are in CHANGELOG.md of
    https://github.com/pikasTech/unidesk-artifact-cd

 -- pikasTech <pikastech@users.noreply.github.com>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
}

debs() {
  for name in agent controller; do
    VERSION=$debian ARCH=$1 go tool -modfile=tools/go.mod nfpm package --config "packaging/nfpm-$name.yaml" \
      --packager deb --target "dist/unidesk-${name}_${debian}_$1.deb"
  done
}

# A tarball has the paths of the packages below /usr, so that `tar -C /usr --strip-components 1` installs it.
tarball() {
  name=unidesk-$version-linux-$1
  usr=$stage/$name
  doc=$usr/share/doc/unidesk-controller
  install -D "$stage/unidesk-controller-$1" "$usr/bin/unidesk-controller"
  install -D "$stage/unidesk-agent-$1" "$usr/bin/unidesk-agent"
  install -D -m 644 -t "$usr/share/man/man1" "$stage"/man/*.1.gz
  install -D -m 644 -t "$usr/share/man/man5" "$stage"/man/*.5.gz
  install -D -m 644 "$stage/completion.bash" "$usr/share/bash-completion/completions/unidesk-controller"
  install -D -m 644 "$stage/completion.zsh" "$usr/share/zsh/site-functions/_unidesk-controller"
  install -D -m 644 "$stage/completion.fish" "$usr/share/fish/vendor_completions.d/unidesk-controller.fish"
  install -D -m 644 -t "$usr/lib/systemd/system" packaging/unidesk-controller.service packaging/unidesk-page.service packaging/unidesk-page.socket
  install -D -m 644 packaging/unidesk-controller.sysusers.conf "$usr/lib/sysusers.d/unidesk-controller.conf"
  install -D -m 644 packaging/unidesk-controller.tmpfiles.conf "$usr/lib/tmpfiles.d/unidesk-controller.conf"
  install -D -m 644 -t "$usr/share/unidesk/prometheus" packaging/prometheus/unidesk.rules.yml
  install -D -m 644 -t "$usr/share/unidesk/grafana" packaging/grafana/unidesk.json
  install -D -m 644 -t "$doc" README.md CHANGELOG.md SECURITY.md LICENSE
  install -D -m 644 -t "$doc/docs" docs/*.md docs/*.svg docs/agent.yaml
  install -D -m 644 -t "$doc/docs/adr" docs/adr/*.md
  install -D -m 644 -t "$doc/docs/pictures" docs/pictures/*.png
  install -D -m 644 packaging/deb/controller.yaml "$doc/examples/controller.yaml"
  tar -C "$stage" --create --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$name" |
    gzip -9n >"dist/$name.tar.gz"
}

rm -rf "$stage"
mkdir -p "$stage"
build amd64 unidesk-agent agent # each package of the controller has the agents of both
build arm64 unidesk-agent agent
for arch; do
  build "$arch" unidesk-controller controller
done
go run ./packaging/man -date "$SOURCE_DATE_EPOCH" -version "$version" "$stage/man"
gzip -9n "$stage"/man/*
for shell in bash zsh fish; do
  go run ./cmd/controller completion "$shell" >"$stage/completion.$shell"
done
changelog unidesk-agent
changelog unidesk-controller
for arch; do
  debs "$arch"
  [ "$what" = deb ] || tarball "$arch"
done
rm -rf "$stage"
if [ "$what" = release ]; then
  (cd dist && sha256sum unidesk-*_"$debian"_*.deb "unidesk-$version-linux-"*.tar.gz >SHA256SUMS)
fi
