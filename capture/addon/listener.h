// SPDX-License-Identifier: Apache-2.0
// Waits for agents: on a Unix path, an abstract Unix name (@NAME), or TCP on a loopback address. Who connects
// is asked of the kernel (SO_PEERCRED); over TCP nobody vouches for the peer, so only loopback is served and
// hello must carry the secret.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "capture/addon/peer.h"

namespace vedette::addon {

class Listener {
 public:
  // On the listener's thread.
  class Owner {
   public:
    virtual void on_accept(int socket, Peer peer) = 0;
    virtual void on_refuse(Peer peer) = 0;

   protected:
    ~Owner() = default;
  };

  // `users`: whose connections are taken, beside root's and our own. Errors show in error(), before any
  // thread runs.
  Listener(const std::string& address, std::vector<uid_t> users, Owner& owner);
  ~Listener();  // stops; a path that was made is removed
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int error() const { return error_; }
  int port() const { return port_; }  // TCP: the one that was given for port 0
  // Why nobody can be taken in at present (an errno); 0: whoever comes is.
  int obstacle() const { return obstacle_; }

 private:
  int open_unix(const std::string& address);
  int open_tcp(const std::string& host, const std::string& port);
  void run();
  bool is_welcome(const Peer& peer) const;
  Peer peer_of(int socket) const;

  const std::vector<uid_t> users_;
  Owner& owner_;
  int socket_ = -1;
  int stop_ = -1;
  int error_ = 0;
  std::atomic<int> obstacle_{0};
  int port_ = 0;
  std::string path_;  // to remove
  bool is_unix_ = false;
  std::thread thread_;
};

}  // namespace vedette::addon
