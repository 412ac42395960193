#include "up/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "host/linux/udp.h"

namespace tacoma::up {

Result<void> Child::start() {
  const host::Fd log(::open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return fail("cannot write " + log_file_ + ": " + std::strerror(errno));
  std::vector<char*> words;
  for (std::string& word : command_) words.push_back(word.data());
  words.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail("cannot start " + name_ + ": " + std::strerror(errno));
  if (pid == 0) {  // only what is safe after fork
    ::setpgid(0, 0);  // Ctrl-C is for the parent, which ends the others in order
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(log.get(), STDOUT_FILENO);
    ::dup2(log.get(), STDERR_FILENO);
    // Sockets of the web server must not live on in a child that was started later: their peers would never see them close.
    ::close_range(3, ~0U, 0);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  pid_ = pid;
  return {};
}

void Child::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Child::reap(std::string& how) {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = 0;
  if (WIFSIGNALED(status)) how = std::string("by signal ") + strsignal(WTERMSIG(status));
  else how = "with code " + std::to_string(WEXITSTATUS(status));
  return true;
}

}  // namespace tacoma::up
