// A self-signed certificate for a deployment that has none.
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "host/daemon/http.h"

namespace tacoma::host {

namespace {
template <auto free>
struct Free {
  template <typename T>
  void operator()(T* p) const { free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;

constexpr long kTenYears = 3650L * 24 * 3600;

Certificate sign(EVP_PKEY* key, const std::vector<std::string>& names) {
  Certificate certificate(X509_new());
  X509* x = certificate.get();
  X509_set_version(x, 2);
  uint8_t serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x));
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), kTenYears);
  X509_set_pubkey(x, key);
  X509_NAME* name = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(names.front().substr(0, 64).c_str()), -1, -1, 0);
  X509_set_issuer_name(x, name);
  std::string alternatives;
  for (const std::string& one : names) alternatives += (alternatives.empty() ? "" : ",") + std::string(IpAddress::parse(one) ? "IP:" : "DNS:") + one;
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, x, x, nullptr, nullptr, 0);
  for (const auto& [id, value] : {std::pair<int, std::string>{NID_subject_alt_name, alternatives}, {NID_basic_constraints, "critical,CA:TRUE"}}) {
    const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
    if (!extension || X509_add_ext(x, extension.get(), -1) != 1) return nullptr;
  }
  if (X509_sign(x, key, EVP_sha256()) == 0) return nullptr;
  return certificate;
}

Result<void> write_file(const std::string& file, BIO* content, mode_t mode) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(content, &data);
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return fail("cannot write " + file + ": " + std::strerror(errno));
  const bool whole = ::fchmod(fd, mode) == 0 && ::write(fd, data, static_cast<size_t>(size)) == size;
  if (::close(fd) != 0 || !whole) return fail("cannot write " + file);
  return {};
}
}  // namespace

Result<void> make_certificate(const std::vector<std::string>& names, const std::string& certificate_file, const std::string& key_file) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key ? sign(key.get(), names) : nullptr;
  const Bio pem(BIO_new(BIO_s_mem())), secret(BIO_new(BIO_s_mem()));
  if (!certificate || PEM_write_bio_X509(pem.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail("OpenSSL could not make a certificate");
  if (auto written = write_file(key_file, secret.get(), 0600); !written) return written;
  return write_file(certificate_file, pem.get(), 0644);
}

}  // namespace tacoma::host
