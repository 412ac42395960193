// An offer as the focus makes it, with two people already sending: one in XML, one in compact JSON.
export const transport = `<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u1' pwd='p1'><rtcp-mux/>
  <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>AA:BB</fingerprint>
  <candidate foundation='1' component='1' protocol='udp' priority='2130706431' ip='127.0.0.1' port='10000' type='host' generation='0' id='c1'/>
  <web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://x/colibri-ws/s/c/e?pwd=w'/></transport>`;

export const jvb = (kind: string, ssrc: number) => `<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='${ssrc}' name='jvb-${kind[0]}0'>
  <parameter name='msid' value='mixedmslabel mixedlabel${kind}0'/><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='jvb'/></source>`;

export const initiate = `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s1' initiator='r@conference.x/focus' responder='r@conference.x/me'>
 <content name='audio' creator='initiator' senders='both'>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>
   <payload-type id='111' name='opus' clockrate='48000' channels='2'><parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/>
    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/></payload-type>
   <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>
   <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/><rtcp-mux/>${jvb('audio', 11)}
   <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='21' name='aaaa0001-a0'><parameter name='msid' value='s t'/><ssrc-info xmlns='http://jitsi.org/jitmeet' owner='aaaa0001'/></source>
  </description>${transport}</content>
 <content name='video' creator='initiator' senders='both'>
  <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>
   <payload-type id='100' name='VP8' clockrate='90000'><rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/></payload-type>
   <payload-type id='96' name='rtx' clockrate='90000'><parameter name='apt' value='100'/></payload-type><rtcp-mux/>${jvb('video', 12)}
  </description>${transport}</content>
 <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='audio'/><content name='video'/></group>
 <bridge-session xmlns='http://jitsi.org/protocol/focus' id='b1' region='eu'/>
 <startmuted xmlns='http://jitsi.org/jitmeet/start-muted' audio='true' video='false'/>
 <json-message xmlns='http://jitsi.org/jitmeet'>{"sources":{"aaaa0002":[[{"s":31,"n":"aaaa0002-v0","m":"a b"},{"s":32,"n":"aaaa0002-v0","m":"a b"},{"s":41,"n":"aaaa0002-v1","m":"c d","v":"d"}],[["f",31,32]],[{"s":33,"n":"aaaa0002-a0","m":"e f"}]]}}</json-message>
</jingle>`;
