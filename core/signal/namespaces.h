// XML namespaces of the stanzas that we speak.
#pragma once

#include <string_view>

namespace tacoma::ns {

inline constexpr std::string_view kClient = "jabber:client";
inline constexpr std::string_view kComponent = "jabber:component:accept";          // XEP-0114
inline constexpr std::string_view kStream = "http://etherx.jabber.org/streams";    // RFC 6120
inline constexpr std::string_view kStreamErrors = "urn:ietf:params:xml:ns:xmpp-streams";
inline constexpr std::string_view kStanzaErrors = "urn:ietf:params:xml:ns:xmpp-stanzas";
inline constexpr std::string_view kSasl = "urn:ietf:params:xml:ns:xmpp-sasl";
inline constexpr std::string_view kBind = "urn:ietf:params:xml:ns:xmpp-bind";
inline constexpr std::string_view kPing = "urn:xmpp:ping";                          // XEP-0199
inline constexpr std::string_view kDiscoInfo = "http://jabber.org/protocol/disco#info";    // XEP-0030
inline constexpr std::string_view kDiscoItems = "http://jabber.org/protocol/disco#items";
inline constexpr std::string_view kCaps = "http://jabber.org/protocol/caps";        // XEP-0115
inline constexpr std::string_view kDataForms = "jabber:x:data";                     // XEP-0004
inline constexpr std::string_view kNick = "http://jabber.org/protocol/nick";        // XEP-0172
inline constexpr std::string_view kMuc = "http://jabber.org/protocol/muc";          // XEP-0045
inline constexpr std::string_view kMucUser = "http://jabber.org/protocol/muc#user";
inline constexpr std::string_view kMucAdmin = "http://jabber.org/protocol/muc#admin";
inline constexpr std::string_view kMucOwner = "http://jabber.org/protocol/muc#owner";
inline constexpr std::string_view kMucRoomConfig = "http://jabber.org/protocol/muc#roomconfig";
inline constexpr std::string_view kMucRoomInfo = "http://jabber.org/protocol/muc#roominfo";
inline constexpr std::string_view kJingle = "urn:xmpp:jingle:1";                    // XEP-0166
inline constexpr std::string_view kJingleErrors = "urn:xmpp:jingle:errors:1";
inline constexpr std::string_view kJingleRtp = "urn:xmpp:jingle:apps:rtp:1";        // XEP-0167
inline constexpr std::string_view kRtcpFeedback = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0";    // XEP-0293
inline constexpr std::string_view kRtpHeaderExtensions = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0";  // XEP-0294
inline constexpr std::string_view kSources = "urn:xmpp:jingle:apps:rtp:ssma:0";     // XEP-0339
inline constexpr std::string_view kIceUdp = "urn:xmpp:jingle:transports:ice-udp:1"; // XEP-0176
inline constexpr std::string_view kDtls = "urn:xmpp:jingle:apps:dtls:0";            // XEP-0320
inline constexpr std::string_view kSctpMap = "urn:xmpp:jingle:transports:dtls-sctp:1";     // XEP-0343
inline constexpr std::string_view kGrouping = "urn:xmpp:jingle:apps:grouping:0";    // XEP-0338
inline constexpr std::string_view kJitmeet = "http://jitsi.org/jitmeet";
inline constexpr std::string_view kFocus = "http://jitsi.org/protocol/focus";
inline constexpr std::string_view kColibri = "http://jitsi.org/protocol/colibri";   // stats and web-socket only
inline constexpr std::string_view kColibri2 = "jitsi:colibri2";
inline constexpr std::string_view kHealthcheck = "http://jitsi.org/protocol/healthcheck";
inline constexpr std::string_view kStartMuted = "http://jitsi.org/jitmeet/start-muted";

}  // namespace tacoma::ns
