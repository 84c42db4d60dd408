window.YTD.tweets.part0 = [
 {
  "tweet": {
   "id_str": "1002",
   "id": "1002",
   "created_at": "Wed Oct 10 20:19:26 +0000 2018",
   "full_text": "Second of a thread",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "user_mentions": [],
    "symbols": []
   },
   "in_reply_to_status_id_str": "1001",
   "in_reply_to_user_id_str": "42",
   "in_reply_to_screen_name": "ada"
  }
 },
 {
  "tweet": {
   "id_str": "1001",
   "id": "1001",
   "created_at": "Wed Oct 10 20:19:25 +0000 2018",
   "full_text": "Peas &amp; beans &lt;3 #garden https://t.co/abc https://t.co/abcd",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [
     {
      "text": "garden",
      "indices": [
       "0",
       "7"
      ]
     }
    ],
    "urls": [
     {
      "url": "https://t.co/abc",
      "expanded_url": "https://beans.example/long",
      "display_url": "beans.example/long"
     },
     {
      "url": "https://t.co/abcd",
      "expanded_url": "https://peas.example/",
      "display_url": "peas.example"
     }
    ]
   }
  }
 },
 {
  "tweet": {
   "id_str": "1003",
   "id": "1003",
   "created_at": "Wed Oct 10 20:19:27 +0000 2018",
   "full_text": "With a picture https://t.co/pic1",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "media": [
     {
      "url": "https://t.co/pic1",
      "media_url_https": "https://pbs.twimg.example/media/EAbCdEfG.png",
      "type": "photo"
     }
    ]
   },
   "extended_entities": {
    "media": [
     {
      "url": "https://t.co/pic1",
      "media_url_https": "https://pbs.twimg.example/media/EAbCdEfG.png",
      "type": "photo",
      "ext_alt_text": "Green"
     }
    ]
   }
  }
 },
 {
  "tweet": {
   "id_str": "1004",
   "id": "1004",
   "created_at": "Wed Oct 10 20:19:28 +0000 2018",
   "full_text": "RT @ben: what Ben said",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "user_mentions": [],
    "symbols": []
   }
  }
 },
 {
  "tweet": {
   "id_str": "1005",
   "id": "1005",
   "created_at": "Wed Oct 10 20:19:29 +0000 2018",
   "full_text": "@ben I do not think so",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "user_mentions": [],
    "symbols": []
   },
   "in_reply_to_status_id_str": "77",
   "in_reply_to_user_id_str": "43",
   "in_reply_to_screen_name": "ben"
  }
 },
 {
  "tweet": {
   "id_str": "1006",
   "id": "1006",
   "created_at": "Wed Oct 10 20:19:30 +0000 2018",
   "full_text": "@ben and besides",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "user_mentions": [],
    "symbols": []
   },
   "in_reply_to_status_id_str": "1005",
   "in_reply_to_user_id_str": "42",
   "in_reply_to_screen_name": "ada"
  }
 }
]