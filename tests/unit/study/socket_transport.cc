#include "study/socket_transport.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.h"

namespace ebb {
namespace {

constexpr size_t kHeaderBytes = sizeof(uint64_t);
constexpr uint64_t kMaxMessageBytes = uint64_t{1} << 32;

// Messages are preceded by their size.
class SocketTransport final : public Transport {
 public:
  SocketTransport(int rank, std::vector<int> sockets) : rank_(rank), peers_(sockets.size()) {
    for (size_t r = 0; r < sockets.size(); ++r) {
      peers_[r].socket = sockets[r];
      if (sockets[r] >= 0) fcntl(sockets[r], F_SETFL, fcntl(sockets[r], F_GETFL) | O_NONBLOCK);
    }
  }
  ~SocketTransport() override {
    for (Peer& peer : peers_) Drop(&peer);
  }

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(peers_.size()); }

  Status Send(int to, std::string bytes) override {
    Peer& peer = peers_[static_cast<size_t>(to)];
    const uint64_t size = bytes.size();
    peer.out.append(reinterpret_cast<const char*>(&size), kHeaderBytes);
    peer.out.append(bytes);
    Flush(&peer);
    return {};
  }

  Result<std::optional<Envelope>> Receive() override {
    for (size_t r = 0; r < peers_.size(); ++r) {
      Peer& peer = peers_[r];
      if (static_cast<int>(r) == rank_) continue;
      Flush(&peer);
      Fill(&peer);
      if (peer.in.size() < kHeaderBytes) continue;
      uint64_t size = 0;
      std::memcpy(&size, peer.in.data(), kHeaderBytes);
      if (size > kMaxMessageBytes) {
        return MakeError(ErrorCode::kCorrupt, fmt::format("rank {}", r),
                         "a message makes no sense");
      }
      if (peer.in.size() - kHeaderBytes < size) continue;
      Envelope envelope = {static_cast<int>(r), peer.in.substr(kHeaderBytes, size)};
      peer.in.erase(0, kHeaderBytes + size);
      return std::optional<Envelope>(std::move(envelope));
    }
    return std::optional<Envelope>();
  }

  std::vector<int> Gone() const override {
    std::vector<int> gone;
    for (size_t r = 0; r < peers_.size(); ++r) {
      // What has arrived before the end still counts.
      if (static_cast<int>(r) != rank_ && peers_[r].socket < 0 && !HasMessage(peers_[r])) {
        gone.push_back(static_cast<int>(r));
      }
    }
    return gone;
  }

  void Close(bool) override {
    for (Peer& peer : peers_) {
      while (peer.socket >= 0 && !peer.out.empty()) {
        pollfd waiting = {peer.socket, POLLOUT, 0};
        if (poll(&waiting, 1, 1000) <= 0) break;
        Flush(&peer);
      }
      Drop(&peer);
    }
  }

 private:
  struct Peer {
    int socket = -1;
    std::string in;
    std::string out;
  };

  static bool HasMessage(const Peer& peer) {
    uint64_t size = 0;
    if (peer.in.size() < kHeaderBytes) return false;
    std::memcpy(&size, peer.in.data(), kHeaderBytes);
    return peer.in.size() - kHeaderBytes >= size;
  }

  static void Drop(Peer* peer) {
    if (peer->socket >= 0) close(peer->socket);
    peer->socket = -1;
    peer->out.clear();
  }

  static void Flush(Peer* peer) {
    while (peer->socket >= 0 && !peer->out.empty()) {
      const ssize_t sent = send(peer->socket, peer->out.data(), peer->out.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        peer->out.erase(0, static_cast<size_t>(sent));
      } else if (errno == EAGAIN || errno == EINTR) {
        return;
      } else {
        Fill(peer);  // what it sent before it went
        Drop(peer);
      }
    }
  }

  static void Fill(Peer* peer) {
    char buffer[65536];
    while (peer->socket >= 0) {
      const ssize_t got = recv(peer->socket, buffer, sizeof(buffer), 0);
      if (got > 0) {
        peer->in.append(buffer, static_cast<size_t>(got));
      } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
      } else {
        close(std::exchange(peer->socket, -1));
      }
    }
  }

  const int rank_;
  std::vector<Peer> peers_;
};

}  // namespace

std::unique_ptr<Transport> MakeSocketTransport(int rank, std::vector<int> sockets) {
  return std::make_unique<SocketTransport>(rank, std::move(sockets));
}

std::vector<std::unique_ptr<Transport>> ConnectRanks(int ranks) {
  // sockets[a][b] leads from a to b.
  std::vector<std::vector<int>> sockets(static_cast<size_t>(ranks),
                                        std::vector<int>(static_cast<size_t>(ranks), -1));
  for (size_t a = 0; a < sockets.size(); ++a) {
    for (size_t b = a + 1; b < sockets.size(); ++b) {
      int pair[2];
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
      sockets[a][b] = pair[0];
      sockets[b][a] = pair[1];
    }
  }
  std::vector<std::unique_ptr<Transport>> transports;
  for (int r = 0; r < ranks; ++r) {
    transports.push_back(MakeSocketTransport(r, sockets[static_cast<size_t>(r)]));
  }
  return transports;
}

}  // namespace ebb
